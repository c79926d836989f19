"""Foreign inventories, read without credentials by the same kinds: what they do not say is a gap."""
