-- Writes the value ARGV[6] for ARGV[4] ms, if what is there is ARGV[5]: 'any', 'absent', or the number of a version.

local expect, ttl = ARGV[5], tonumber(ARGV[4])
local found = find(id)
if expect ~= 'any' and expect ~= (found and found.n or 'absent') then
  return 0
end
need_memory()
if not found then
  -- What has expired there leaves its group.
  remove(id)
  for _, of in ipairs(redis.call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, SWEEP)) do
    remove(of)
  end
end
write(id, ARGV[6], found and found.g or '', ttl)
return 1
