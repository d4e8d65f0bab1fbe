"""The lab: the hosts of a stack as namespaces of one machine, to rehearse on what rented ones would do."""
