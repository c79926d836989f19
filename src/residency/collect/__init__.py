"""From clouds, registers and logs to rows: the only part that touches network or clock."""
