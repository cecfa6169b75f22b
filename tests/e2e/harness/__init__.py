"""The parts of the end-to-end tests: watched processes, certificates, zones, servers, clients and captures."""
