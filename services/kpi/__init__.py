"""The clock and the score: what the lifecycle's facts amount to, and which promises about them are overdue."""
