"""What keeps the bridge running, and shows that it runs: schedules, the status of streams, heartbeats,
the audit log."""
