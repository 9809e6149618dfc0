-- Reads at most ARGV[5] entries that come after number ARGV[4]. First it says how many appends there have been: who has read
-- one knows that it was there.

local log = redis.call('HMGET', meta(group, id), 'f', 'l', 'x', 'e', 'a')
if not log[1] or tonumber(log[3]) <= now then
  return false
end
local from, max = math.max(ARGV[4] + 1, log[1]), tonumber(ARGV[5])
local page = { redis.call('GET', NAME .. ':appends') or 0, log[1], log[2], log[4] and 1 or 0, log[5], from }
if max > 0 and from <= tonumber(log[2]) then
  local at = from - log[1]
  for _, entry in ipairs(redis.call('LRANGE', entries(group, id), at, at + max - 1)) do
    page[#page + 1] = entry
  end
end
return page
