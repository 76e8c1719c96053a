-- One decision of the limits: all of them let the request through and count
-- it, or none does. `gcra.rs` explains the arithmetic; times in microseconds.
--
-- KEYS: the operation's answer; one arrival time a rate; with a daily limit,
--       the day's count and the operation's mark.
-- ARGV: now; how many rates; period and limit of each; the daily limit or -1;
--       seconds that the day's count and the mark are kept; milliseconds that
--       the answer is.
-- Answers {verdict, limit, remaining, reset in seconds, wait}; the verdict is
-- 0 admitted, 1 too fast, 2 the day is over.
local known = redis.call('GET', KEYS[1])
if known then
  return cjson.decode(known)
end

local now, rates = tonumber(ARGV[1]), tonumber(ARGV[2])
local daily = tonumber(ARGV[3 + 2 * rates])
local keep_day, keep_answer = ARGV[4 + 2 * rates], ARGV[5 + 2 * rates]

local function status(rate, arrival)
  local ahead = arrival - now
  local remaining = math.max(0, math.floor((rate.period - ahead) / rate.interval))
  return { rate.limit, remaining, math.ceil(ahead / 1000000) }
end

local asked, slowest = {}, nil
for i = 1, rates do
  local rate = { key = KEYS[1 + i], period = tonumber(ARGV[1 + 2 * i]), limit = tonumber(ARGV[2 + 2 * i]) }
  rate.interval = math.max(1, math.floor(rate.period / math.max(1, rate.limit)))
  rate.before = math.max(now, tonumber(redis.call('GET', rate.key) or now))
  rate.after = rate.before + rate.interval
  rate.wait = rate.after - rate.period - now
  asked[i] = rate
  if rate.wait > 0 and (not slowest or rate.wait >= slowest.wait) then
    slowest = rate
  end
end

local function tightest(field)
  local least = nil
  for _, rate in ipairs(asked) do
    local one = status(rate, rate[field])
    if not least or one[2] < least[2] then
      least = one
    end
  end
  return least
end

local function answer(verdict, rate, wait)
  local all = { verdict, rate[1], rate[2], rate[3], wait }
  redis.call('SET', KEYS[1], cjson.encode(all), 'PX', keep_answer)
  return all
end

if slowest then
  return answer(1, status(slowest, slowest.before), slowest.wait)
end
if daily >= 0 then
  local day, mark = KEYS[2 + rates], KEYS[3 + rates]
  if tonumber(redis.call('GET', day) or 0) >= daily then
    return answer(2, tightest('before'), 0)
  end
  redis.call('INCR', day)
  redis.call('EXPIRE', day, keep_day)
  redis.call('SET', mark, day, 'EX', keep_day)
end
for _, rate in ipairs(asked) do
  local keep = math.max(1, math.ceil((rate.after - now) / 1000))
  redis.call('SET', rate.key, string.format('%.0f', rate.after), 'PX', string.format('%.0f', keep))
end
return answer(0, tightest('after'), 0)
