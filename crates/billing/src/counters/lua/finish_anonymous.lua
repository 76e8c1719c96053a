-- Ends an anonymous attempt, once. KEYS: the operation's mark. ARGV: 1 where
-- it succeeded; else its picture of the day is given back.
local day = redis.call('GET', KEYS[1])
if not day then
  return 0
end
redis.call('DEL', KEYS[1])
if ARGV[1] ~= '1' and tonumber(redis.call('GET', day) or 0) > 0 then
  redis.call('DECR', day)
end
return 1
