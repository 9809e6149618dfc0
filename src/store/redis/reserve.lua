-- Writes the value ARGV[5] for ARGV[4] ms where at most ARGV[6] may be, of which those may give way that have been left
-- alone for ARGV[7] ms. It is in the group ARGV[8] ('' for none), which has at most ARGV[9].

local ttl, max, idle, group, group_max = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]

-- How long to wait, in ms, where nothing is known of when there will be room.
local AGAIN = 1000

-- Makes room for one more among what two indexes hold, of which at most `limit` may be. Answers whether there is, and the
-- one that gave way, if one did; or how long it takes until one may.
local function room(by_touch, by_expiry, limit, forget)
  if redis.call('ZCOUNT', by_expiry, '(' .. now, '+inf') < limit then
    return true
  end
  while true do
    local oldest = redis.call('ZRANGE', by_touch, 0, 0, 'WITHSCORES')
    if not oldest[1] then
      return false, AGAIN
    end
    local expires = tonumber(redis.call('ZSCORE', by_expiry, oldest[1]) or 0)
    if expires > now then
      local wait = oldest[2] + idle - now
      if wait <= 0 then
        remove(oldest[1])
        -- Not where the cap is smaller than it was: others have to go first.
        if redis.call('ZCOUNT', by_expiry, '(' .. now, '+inf') < limit then
          return true, oldest[1]
        end
        return false, AGAIN
      end
      local first = redis.call('ZRANGEBYSCORE', by_expiry, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      return false, math.min(wait, first[2] - now)
    end
    forget(oldest[1])
  end
end

sweep()
local evicted
if group ~= '' then
  local touched_there, expiring_there = indexes(group)
  -- Of the group only: the value may be there again, in no group.
  local function leave(of)
    redis.call('ZREM', touched_there, of)
    redis.call('ZREM', expiring_there, of)
  end
  for _, of in ipairs(redis.call('ZRANGEBYSCORE', expiring_there, '-inf', now, 'LIMIT', 0, SWEEP)) do
    leave(of)
  end
  local free, found = room(touched_there, expiring_there, tonumber(group_max), leave)
  if not free then
    return { 'full', found }
  end
  evicted = found
end
local free, found = room(touched, expiring, max, remove)
if not free then
  return { 'full', found }
end
remove(id)
write(id, ARGV[5], group, ttl)
evicted = evicted or found
return evicted and { 'evicted', evicted } or { 'free' }
