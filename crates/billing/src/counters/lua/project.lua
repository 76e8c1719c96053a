-- Brings an account's counters up to a version of the ledger, all at once.
--
-- KEYS: the account's hash, the versions ahead of a gap, the windows, then one
--       counter for each sum.
-- ARGV: 'apply' one change, or load the account 'careful'ly or 'exact'ly; the
--       version; membership, credits, prepaid credits; the period's start and
--       end, or two empty texts; how many windows; start and end of each; then
--       the sums, in the order of their counters.
-- Answers 0 where a change finds no account, else 1.
local user, ahead, windows = KEYS[1], KEYS[2], KEYS[3]
local mode, version = ARGV[1], tonumber(ARGV[2])
local contiguous = tonumber(redis.call('HGET', user, 'version') or -1)
local latest = tonumber(redis.call('HGET', user, 'latest') or -1)
if mode == 'apply' and contiguous < 0 then
  return 0
end

-- A whole account that nothing later has touched replaces what is there.
local replace = mode == 'exact' or (mode == 'careful' and latest <= version)
if replace then
  redis.call('DEL', ahead, windows)
end

if replace or version >= latest then
  redis.call('HSET', user, 'membership', ARGV[3], 'credits', ARGV[4],
    'prepaid_credits', ARGV[5], 'latest', ARGV[2])
  if ARGV[6] == '' then
    redis.call('HDEL', user, 'billing_period_start', 'billing_period_end')
  else
    redis.call('HSET', user, 'billing_period_start', ARGV[6], 'billing_period_end', ARGV[7])
  end
end

local count = tonumber(ARGV[8])
for i = 1, count do
  redis.call('ZADD', windows, ARGV[8 + 2 * i], ARGV[7 + 2 * i])
end

-- Sums only grow, so the larger one is the later one. There is no counter
-- before there is something to count.
for i = 4, #KEYS do
  local sum = ARGV[8 + 2 * count + i - 3]
  if replace and sum == '0' then
    redis.call('DEL', KEYS[i])
  elseif replace or tonumber(sum) > tonumber(redis.call('GET', KEYS[i]) or 0) then
    redis.call('SET', KEYS[i], sum)
  end
end

local function text(number)
  return string.format('%.0f', number)
end

if replace then
  contiguous = version
elseif mode == 'careful' then
  contiguous = math.max(contiguous, version)
elseif version > contiguous then
  redis.call('ZADD', ahead, ARGV[2], ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', ahead, '-inf', text(contiguous))
while redis.call('ZREM', ahead, text(contiguous + 1)) == 1 do
  contiguous = contiguous + 1
end
redis.call('HSET', user, 'version', text(contiguous))
return 1
