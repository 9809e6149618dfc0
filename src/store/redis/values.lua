-- The values of a kind. Each is a hash: v its value, n its version, x when it expires, g its group ('' for none).
--
-- Two indexes of ids for all of the kind, and two for each group: by when they were touched, and by when they expire. What
-- has expired is in them until it is swept, and counts for nothing.

local kind, id = ARGV[2], ARGV[3]

-- How many that have expired are swept at a time.
local SWEEP = 100

local touched, expiring = NAME .. ':vt:' .. kind, NAME .. ':vx:' .. kind

local function value(of)
  return NAME .. ':v:' .. kind .. ':' .. of
end

local function indexes(group)
  return NAME .. ':vt:' .. kind .. ':' .. group, NAME .. ':vx:' .. kind .. ':' .. group
end

-- Another number for each write. From the clock, so that it is never one that was used before data was lost.
local function version()
  local number = clock[1] * 1000000 + clock[2]
  local last = tonumber(redis.call('GET', NAME .. ':n') or 0)
  if number <= last then
    number = last + 1
  end
  redis.call('SET', NAME .. ':n', number)
  return number
end

-- Reads a value: with its version and its group, if it has not expired.
local function find(of)
  local found = redis.call('HMGET', value(of), 'v', 'n', 'x', 'g')
  return found[1] and tonumber(found[3]) > now and { v = found[1], n = found[2], g = found[4] } or nil
end

local function remove(of)
  local group = redis.call('HGET', value(of), 'g')
  redis.call('DEL', value(of))
  redis.call('ZREM', touched, of)
  redis.call('ZREM', expiring, of)
  if group and group ~= '' then
    local touched_there, expiring_there = indexes(group)
    redis.call('ZREM', touched_there, of)
    redis.call('ZREM', expiring_there, of)
  end
end

-- Has a value live for `ttl` from now on.
local function touch(of, group, ttl)
  local expires = now + ttl
  redis.call('HSET', value(of), 'x', expires)
  redis.call('PEXPIRE', value(of), ttl + MARGIN)
  redis.call('ZADD', touched, now, of)
  redis.call('ZADD', expiring, expires, of)
  outlive(touched, ttl)
  outlive(expiring, ttl)
  if group ~= '' then
    local touched_there, expiring_there = indexes(group)
    redis.call('ZADD', touched_there, now, of)
    redis.call('ZADD', expiring_there, expires, of)
    outlive(touched_there, ttl)
    outlive(expiring_there, ttl)
  end
end

local function write(of, what, group, ttl)
  redis.call('HSET', value(of), 'v', what, 'n', version(), 'g', group)
  touch(of, group, ttl)
end
