-- What all scripts begin with.
--
-- KEYS[1] is the name that every other name begins with. Its hash tag, `{..}`, puts all that a service keeps on one node,
-- which is why a script may build the other names from it. ARGV[1] is by how many ms tests have let time pass.
--
-- Numbers: Redis writes those that it is given by `redis.call` exactly; Lua's own `..` keeps 14 digits, enough for ms.

local NAME = KEYS[1]

-- How long what has expired may still be there, in ms: it ends by itself then, whoever is left to sweep it.
local MARGIN = 60000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]

-- Lets a name that others are counted in live at least this much longer (in ms) than they do. By more than it has to, so
-- that it is not written each time.
local function outlive(key, ttl)
  if redis.call('PTTL', key) < ttl + 2 * MARGIN then
    redis.call('PEXPIRE', key, 2 * ttl + 4 * MARGIN)
  end
end

-- Fails if Redis has no memory left (`maxmemory`). It is asked before anything is written: Redis refuses what takes memory only
-- as the first that a script writes, and lets one that has begun go on, whatever it takes. This writes nothing.
local function need_memory()
  redis.call('SETRANGE', NAME .. ':n', 0, '')
end
