-- Says a word on the channel ARGV[2].

return redis.call('PUBLISH', ARGV[2], ARGV[3])
