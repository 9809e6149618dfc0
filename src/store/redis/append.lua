-- Appends an entry to a log, within all bounds.
--
-- Each bound has its own way to be kept: a log drops its oldest entries; a group its log that ended first, then the oldest
-- entries of its largest; and all logs together what the largest groups have. The newest entry of a log that has not ended
-- is never dropped: what there is no room for is refused.
--
-- What gives way is worked out first, on what is known of the logs, and carried out when it is sure that the entry is
-- appended. In the usual case nothing has to: no log but its own is looked at.

local begins, ends, after, about, value = ARGV[4] == '1', ARGV[5] == '1', ARGV[6], ARGV[7], ARGV[8]
local max_entries, max_bytes, ttl = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
-- What a group may cost, and all logs.
local group_bound, budget = tonumber(ARGV[12]), tonumber(ARGV[13])
local channel, news = ARGV[14], ARGV[15]

-- The most logs of a group.
local LOGS = 64

-- How many logs that have expired each append sweeps: more than it makes.
local SWEEP = 4

-- How many logs a search for room looks at, about, and how long (in ms) one that did not find enough is trusted.
local LOOK, TRUST = 1000, 1000

-- Until when no room is looked for, since a search did not find enough.
local FULL_UNTIL = NAME .. ':lf'

-- The outcomes.
local SEQ, CLOSED, MISPLACED, FULL = 0, 1, 2, 3

-- What is known of a log. Nil if it is not there; one that has expired is told by `expired`.
local function load_log(of, log)
  local found = redis.call('HMGET', meta(of, log), 'f', 'l', 'b', 'z', 'x', 'e', 's')
  if not found[1] then
    return nil
  end
  return {
    id = log,
    group = of,
    -- Where the list begins, while some of it is dropped.
    start = tonumber(found[1]),
    first = tonumber(found[1]),
    last = tonumber(found[2]),
    bytes = tonumber(found[3]),
    newest = tonumber(found[4]),
    expired = tonumber(found[5]) <= now,
    ended = tonumber(found[6]),
    about = tonumber(found[7]),
  }
end

local function cost(log)
  return log.bytes + log.about + OVERHEAD * (log.last - log.first + 2)
end

-- Drops the oldest entry. Looks for the sizes of as many as it takes, about, until `want` is free. Answers how much it
-- freed.
local function drop_oldest(log, want)
  if not log.sizes or log.at > #log.sizes then
    local count = log.last - log.first + 1
    local ahead = math.ceil(want / (log.bytes / count + OVERHEAD))
    ahead = math.max(1, math.min(ahead, count, 128))
    log.sizes, log.at = {}, 1
    local from = log.first - log.start
    for _, entry in ipairs(redis.call('LRANGE', entries(log.group, log.id), from, from + ahead - 1)) do
      log.sizes[#log.sizes + 1] = #entry
    end
  end
  -- An entry that is not there, which cannot be, costs nothing.
  local size = log.sizes[log.at] or 0
  log.at = log.at + 1
  log.bytes = log.bytes - size
  log.first = log.first + 1
  log.dropped = true
  return size + OVERHEAD
end

-- The logs of a group that have been looked at, by the group.
local looked_at = {}

-- The log that gives its place in its own group, if one does: gone as far as this is concerned.
local gives_place

local function load_group(of, own)
  local logs = { cost = 0, removed = {} }
  local costs = redis.call('HGETALL', members(of))
  for at = 1, #costs, 2 do
    local is_gone = gives_place and of == group and costs[at] == gives_place.id
    if not is_gone and (not own or costs[at] ~= own.id) then
      -- One that has ended by itself is only counted any more.
      local log = load_log(of, costs[at]) or { id = costs[at], group = of, expired = true }
      log.charged = tonumber(costs[at + 1])
      logs[#logs + 1] = log
      logs.cost = logs.cost + log.charged
    end
  end
  if own then
    logs[#logs + 1] = own
    logs.cost = logs.cost + cost(own)
  end
  looked_at[of] = logs
  return logs
end

-- Has what is missed the least give way: what has expired, the log that ended first, then the oldest entries of the largest
-- that has others. `own` is spared, but for its oldest entries. Answers how much is free by it, 0 if nothing could be.
local function give_way(logs, own, want)
  local first, at
  for place, log in ipairs(logs) do
    local ended = log.expired and -1 or log.ended
    if log ~= own and ended and (not first or ended < first) then
      first, at = ended, place
    end
  end
  if at then
    local log = table.remove(logs, at)
    logs.removed[#logs.removed + 1] = log
    local free = log.last and cost(log) or log.charged
    logs.cost = logs.cost - free
    return free
  end
  local largest, second = nil, 0
  for _, log in ipairs(logs) do
    if log.last > log.first then
      if not largest or cost(log) > cost(largest) then
        largest, second = log, largest and cost(largest) or second
      else
        second = math.max(second, cost(log))
      end
    end
  end
  local free = 0
  while largest and largest.last > largest.first and free < want and (free == 0 or cost(largest) > second) do
    free = free + drop_oldest(largest, want - free)
  end
  logs.cost = logs.cost - free
  return free
end

-- Has the largest groups give way until `want` is free: each in turn a quarter of what it has, those first that have at
-- least half of what the largest has, then others. Answers how much is free.
local function make_room(want, own)
  local free, level, known, looked, more = 0, nil, {}, 0, true
  local function load_more()
    local page = more and redis.call('ZREVRANGE', groups, #known, #known + 15) or {}
    for _, of in ipairs(page) do
      known[#known + 1] = looked_at[of] or load_group(of, of == group and own or nil)
      looked = looked + #known[#known]
    end
    more = #page == 16 and looked < LOOK
    return #page > 0
  end
  load_more()
  level = known[1] and known[1].cost / 2 or 0
  while free < want and level >= OVERHEAD / 2 do
    local progress, at = false, 1
    while free < want and (known[at] or load_more()) do
      local logs = known[at]
      local largest = logs.largest or logs.cost
      logs.largest = largest
      if largest < level then
        break
      end
      local part = math.min(want - free, logs.cost / 4)
      local given = 0
      while not logs.dry and (given == 0 or given < part) do
        local freed = give_way(logs, own, math.max(part - given, 1))
        logs.dry = freed == 0
        given = given + freed
      end
      free = free + given
      progress = progress or given > 0
      at = at + 1
    end
    if not progress then
      level = level / 2
    end
  end
  return free
end

-- What the logs of a group cost when all that may give way to `own` has.
local function least(logs, own)
  local sum = 0
  for _, log in ipairs(logs) do
    if log == own or not log.ended and not log.expired then
      sum = sum + OVERHEAD + log.about + OVERHEAD + log.newest
    end
  end
  return sum
end

-- Carries out what was worked out for a group.
local function carry_out(of, logs, own)
  for _, log in ipairs(logs.removed) do
    remove_log(of, log.id)
  end
  for _, log in ipairs(logs) do
    if log.dropped and log ~= own then
      redis.call('LTRIM', entries(of, log.id), log.first - log.start, -1)
      redis.call('HSET', meta(of, log.id), 'f', log.first, 'b', log.bytes)
      redis.call('HSET', members(of), log.id, cost(log))
      charge(of, cost(log) - log.charged)
    end
  end
end

-- Where there are as many logs in the group as there may be, what has expired leaves. Or else the one that ended first gives
-- its place, when it is sure that there is something to give it to.
local function place_for_one_more()
  if redis.call('HLEN', members(group)) < LOGS then
    return true
  end
  local first
  local logs = load_group(group)
  looked_at[group] = nil
  local count = #logs
  for _, log in ipairs(logs) do
    if log.expired then
      remove_log(group, log.id)
      count = count - 1
    elseif log.ended and (not first or log.ended < first.ended) then
      first = log
    end
  end
  if count >= LOGS then
    gives_place = first
  end
  return count < LOGS or first ~= nil
end

local own = load_log(group, id)
local there = own and not own.expired
local refused
if begins then
  refused = there and { CLOSED }
elseif not there or own.ended then
  refused = { CLOSED }
elseif after ~= '' and tonumber(after) ~= own.last then
  refused = { MISPLACED, own.last }
end
if not refused then
  need_memory()
end
sweep(SWEEP)
if refused then
  return refused
end
if begins then
  -- It may have expired, or its group has ended by itself and is still counted.
  remove_log(group, id)
  if not place_for_one_more() then
    return { FULL }
  end
  own = { id = id, group = group, start = 1, first = 1, last = 0, bytes = 0, about = #about, charged = 0, new = true }
else
  own.charged = cost(own)
end

-- From here on the entry counts as the newest one, which is never dropped.
own.last, own.newest, own.bytes = own.last + 1, #value, own.bytes + #value
while own.first < own.last and (own.last - own.first + 1 > max_entries or own.bytes > max_bytes) do
  drop_oldest(own, own.bytes - max_bytes)
end

local grows = cost(own) - own.charged
local given = gives_place and gives_place.charged or 0
local function total_cost()
  return tonumber(redis.call('GET', total) or 0) - given
end
local all = total_cost()
local group_cost = tonumber(redis.call('ZSCORE', groups, group) or 0) - given
if group_cost + grows > group_bound or all + grows > budget then
  while all + grows > budget and sweep(100) do
    all = total_cost()
  end
  all = all + grows
  -- Before any room is looked for: nothing gives way to what the group may not have in any case.
  local logs = load_group(group, own)
  if least(logs, own) > group_bound then
    return { FULL }
  end
  local missing = all - budget
  if missing > 0 and now >= tonumber(redis.call('GET', FULL_UNTIL) or 0) then
    -- A little more than has to, so that not each append has to look.
    local wanted = missing + math.floor(budget / 64)
    local free = make_room(wanted, own)
    if free < wanted then
      redis.call('SET', FULL_UNTIL, now + TRUST, 'PX', TRUST + MARGIN)
    end
    all = all - free
  end
  -- What others hold of the budget is not this group's to take.
  local bound = math.min(group_bound, budget - (all - logs.cost))
  if least(logs, own) > bound then
    return { FULL }
  end
  while logs.cost > bound and give_way(logs, own, logs.cost - bound) > 0 do
  end
end

if gives_place then
  remove_log(group, gives_place.id)
end
redis.call('RPUSH', entries(group, id), value)
for of, logs in pairs(looked_at) do
  carry_out(of, logs, own)
end
if own.dropped then
  redis.call('LTRIM', entries(group, id), own.first - own.start, -1)
end
redis.call('HSET', meta(group, id), 'f', own.first, 'l', own.last, 'b', own.bytes, 'z', own.newest)
if own.new then
  redis.call('HSET', meta(group, id), 'a', about, 's', own.about)
end
if ends then
  redis.call('HSET', meta(group, id), 'e', redis.call('INCR', NAME .. ':ends'))
  redis.call('DEL', FULL_UNTIL)
end
redis.call('HSET', members(group), id, cost(own))
charge(group, cost(own) - own.charged)
live(group, id, ttl)
redis.call('PUBLISH', channel, news)
return { SEQ, own.last, redis.call('INCR', NAME .. ':appends') }
