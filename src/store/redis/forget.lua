-- Removes all logs of a group, and has it said on the channel ARGV[4], each as ARGV[5] and its id. Answers their ids.

local logs = redis.call('HKEYS', members(group))
for _, log in ipairs(logs) do
  remove_log(group, log)
  redis.call('PUBLISH', ARGV[4], ARGV[5] .. log)
end
return logs
