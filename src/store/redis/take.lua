-- Reads a value and removes it.

local found = find(id)
remove(id)
return found and { found.v, found.n } or false
