-- Lets a log live for ARGV[4] ms from now on.

local expires = redis.call('HGET', meta(group, id), 'x')
if not expires or tonumber(expires) <= now then
  return 0
end
live(group, id, tonumber(ARGV[4]))
return 1
