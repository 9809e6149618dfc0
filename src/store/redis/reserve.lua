-- Writes the value ARGV[5] for ARGV[4] ms, where none is, and where at most ARGV[6] may be, of which those may give way that
-- have been left alone for ARGV[7] ms. It is in the group ARGV[8] ('' for none), which has at most ARGV[9].

local ttl, max, idle, group, group_max = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])

-- How long to wait, in ms, where nothing is known of when there will be room.
local AGAIN = 1000

-- Removes some of what has expired from two indexes, by `forget`, and counts the rest.
local function count(by_expiry, forget)
  for _, of in ipairs(redis.call('ZRANGEBYSCORE', by_expiry, '-inf', now, 'LIMIT', 0, SWEEP)) do
    forget(of)
  end
  return redis.call('ZCOUNT', by_expiry, '(' .. now, '+inf')
end

-- Finds `wanted` that may give way among what two indexes hold, `found` before included: those left alone for the longest
-- time. There are several where a cap is smaller than it was. Answers nil if there are not so many, and how long it takes
-- until there may be.
local function find_idle(by_touch, by_expiry, wanted, found)
  local given = {}
  for _, of in ipairs(found) do
    given[of] = true
  end
  local at = 0
  while #found < wanted do
    local oldest = redis.call('ZRANGE', by_touch, at, at, 'WITHSCORES')
    if not oldest[1] then
      return nil, AGAIN
    end
    local expires = tonumber(redis.call('ZSCORE', by_expiry, oldest[1]) or 0)
    if expires > now and not given[oldest[1]] then
      local wait = oldest[2] + idle - now
      if wait > 0 then
        local first = redis.call('ZRANGEBYSCORE', by_expiry, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
        return nil, math.min(wait, first[2] - now)
      end
      found[#found + 1] = oldest[1]
    end
    at = at + 1
  end
  return found
end

if find(id) then
  return { 'there' }
end
-- What has expired there leaves its group.
remove(id)

local found, wait = {}, nil
if group ~= '' then
  local touched_there, expiring_there = indexes(group)
  local in_group = count(expiring_there, function(of)
    -- From the group only: the value may be there again, in no group.
    redis.call('ZREM', touched_there, of)
    redis.call('ZREM', expiring_there, of)
  end)
  if in_group >= group_max then
    found, wait = find_idle(touched_there, expiring_there, in_group - group_max + 1, found)
  end
end
local of_all = count(expiring, remove)
if found and of_all - #found >= max then
  found, wait = find_idle(touched, expiring, of_all - max + 1, found)
end
if not found then
  return { 'full', wait }
end
for _, of in ipairs(found) do
  remove(of)
end
write(id, ARGV[5], group, ttl)
return found[1] and { 'evicted', found[1] } or { 'free' }
