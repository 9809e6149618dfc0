-- Reads a value, and touches it if it is to live for ARGV[4] ms ('' if not).

local found = find(id)
if not found then
  return false
end
if ARGV[4] ~= '' then
  touch(id, found.g, tonumber(ARGV[4]))
end
return { found.v, found.n }
