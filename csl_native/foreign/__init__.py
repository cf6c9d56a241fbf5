

FOREIGN = "foreign!"  # how names of targets in shared libraries begin
