"""From an application to a service: the socket, the processes, the connections and their limits."""
