-- Logs. Each is a list of its entries, whose numbers grow by one, and a hash. (A stream would have the numbers in it, and
-- takes 4 KiB before there is anything in it, where most logs have a few entries only.) The hash:
--   f, l   the number of the oldest entry that is kept, and of the newest
--   b, z   the bytes of all that are kept, and of the newest
--   x      when it expires
--   e      which of all logs that ended it was, if it has ended
--   a, s   what is known of it, and how many bytes that has
-- A group is a hash of what each of its logs costs, by their ids. Three things are kept of all logs: when each expires,
-- what each group costs, and what all cost.

local group, id = ARGV[2], ARGV[3]

-- What an entry costs beside its bytes, and a log beside its entries, about.
local OVERHEAD = 64

local expiring, groups, total = NAME .. ':lx', NAME .. ':lg', NAME .. ':lc'

local function entries(of, log)
  return NAME .. ':l:' .. of .. ':' .. log
end

local function meta(of, log)
  return NAME .. ':m:' .. of .. ':' .. log
end

local function members(of)
  return NAME .. ':g:' .. of
end

-- Lets a log live for `ttl` ms from now on, and what it is counted in for longer.
local function live(of, log, ttl)
  redis.call('HSET', meta(of, log), 'x', now + ttl)
  redis.call('PEXPIRE', meta(of, log), ttl + MARGIN)
  redis.call('PEXPIRE', entries(of, log), ttl + MARGIN)
  redis.call('ZADD', expiring, now + ttl, of .. ':' .. log)
  outlive(members(of), ttl)
  -- These live on together, and longer than any group, which `outlive` lets live for twice its own time.
  local least
  for _, index in ipairs({ expiring, groups, total }) do
    local left = redis.call('PTTL', index)
    least = least and math.min(least, left) or left
  end
  if least < 2 * ttl + 6 * MARGIN then
    for _, index in ipairs({ expiring, groups, total }) do
      redis.call('PEXPIRE', index, 4 * ttl + 12 * MARGIN)
    end
  end
end

local function charge(of, cost)
  redis.call('ZINCRBY', groups, cost, of)
  redis.call('INCRBY', total, cost)
end

local function remove_log(of, log)
  local cost = redis.call('HGET', members(of), log)
  redis.call('UNLINK', entries(of, log), meta(of, log))
  redis.call('ZREM', expiring, of .. ':' .. log)
  if cost then
    redis.call('HDEL', members(of), log)
    charge(of, -cost)
  end
  -- The last one, or one of a group that has ended by itself, with all of its logs.
  if redis.call('EXISTS', members(of)) == 0 then
    local rest = tonumber(redis.call('ZSCORE', groups, of) or 0)
    redis.call('ZREM', groups, of)
    if rest ~= 0 then
      redis.call('INCRBY', total, -rest)
    end
  end
end

-- Removes some of what has expired. Answers whether there was any.
local function sweep(most)
  local found = redis.call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, most)
  for _, member in ipairs(found) do
    remove_log(member:sub(1, 32), member:sub(34))
  end
  return #found > 0
end
