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

-- Finds the one that may give way among what two indexes hold: left alone for the longest time. Answers nil if there is none,
-- and how long it takes until there may be.
local function find_idle(by_touch, by_expiry)
  local at = 0
  while true do
    local oldest = redis.call('ZRANGE', by_touch, at, at, 'WITHSCORES')
    if not oldest[1] then
      return nil, AGAIN
    end
    -- What has expired may be there still, and counts for nothing.
    if tonumber(redis.call('ZSCORE', by_expiry, oldest[1]) or 0) > now then
      local wait = oldest[2] + idle - now
      if wait > 0 then
        local first = redis.call('ZRANGEBYSCORE', by_expiry, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
        return nil, math.min(wait, first[2] - now)
      end
      return oldest[1]
    end
    at = at + 1
  end
end

if find(id) then
  return { 'there' }
end
if max < 1 or group ~= '' and group_max < 1 then
  return { 'full', AGAIN }
end
need_memory()
-- What has expired there leaves its group.
remove(id)

local is_full, evicted, wait = false, nil, nil
if group ~= '' then
  local touched_there, expiring_there = indexes(group)
  local in_group = count(expiring_there, function(of)
    -- From the group only: the value may be there again, in no group.
    redis.call('ZREM', touched_there, of)
    redis.call('ZREM', expiring_there, of)
  end)
  is_full = in_group >= group_max
  if is_full then
    evicted, wait = find_idle(touched_there, expiring_there)
  end
end
-- One gives way, of the group or of all, even if there are more than there may be, as where a cap is smaller than it was.
if count(expiring, remove) >= max and not is_full then
  is_full = true
  evicted, wait = find_idle(touched, expiring)
end
if is_full and not evicted then
  return { 'full', wait }
end
if evicted then
  remove(evicted)
end
write(id, ARGV[5], group, ttl)
return evicted and { 'evicted', evicted } or { 'free' }
