"""How the processes of the bridge run: their variables, start, logs, connections and requests."""
