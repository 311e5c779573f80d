"""The runtime of the bridge's processes: environment, start, logs, connections and requests."""
