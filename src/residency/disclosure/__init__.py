"""From inventory and law to the sentences of a published policy, and the alarm when the two drift apart."""
