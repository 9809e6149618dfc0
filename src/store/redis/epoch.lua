-- Whether what was appended is still there: the epoch, which is ARGV[2] from now on if it is not.
--
-- ARGV[3] is the server's run, '' if it is not known. The first who comes to a run notes how many appends its data knows
-- of. ARGV[4] is how many the caller has seen in an earlier run, as a writer or as a reader ('' if none): if the data knows of
-- fewer, the end of it was lost, as it is when a server goes down between two writes to its disk, or when a replica of it
-- takes over. One new epoch for each run is enough, and whoever has seen the old one is told on the channel ARGV[5].

local EPOCH, RUN = NAME .. ':epoch', NAME .. ':run'

local run, seen = ARGV[3], tonumber(ARGV[4])
if run ~= '' and redis.call('HGET', RUN, 'id') ~= run then
  redis.call('DEL', RUN)
  redis.call('HSET', RUN, 'id', run, 'appends', redis.call('GET', NAME .. ':appends') or 0)
end
local lost = seen and seen > tonumber(redis.call('HGET', RUN, 'appends') or seen)
local new = redis.call('EXISTS', EPOCH) == 0
if (lost or new) and (redis.call('HSETNX', RUN, 'lost', 1) == 1 or new) then
  redis.call('SET', EPOCH, ARGV[2])
  redis.call('PUBLISH', ARGV[5], ARGV[6])
end
return redis.call('GET', EPOCH)
