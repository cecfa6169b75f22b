"""What the end-to-end tests are made of: processes that are watched, certificates, zones, servers, clients and captures."""
