"""What the vendors' sandboxes share: a clock that can be driven, and faults that can be switched."""
