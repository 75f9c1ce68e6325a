-- Counts calls against a vendor's limits, for all processes at once. Keys: see keys.py.
--
-- KEYS: flying, then for each limit its hash and the set of its calls.
-- ARGV: verb, now (0: this server's clock), id of the call, lease ms, then
--   take:   priority, reserve rate, whether a day's reckoning is passed over, look ms; kind, most (-1), span ms of each limit
--   settle: answered; kind, span ms, told most (-1), told left (-1), closed for ms (-1), at most ms of each limit
-- take answers {1, now} or {0, now, number of the limit, why, until}; settle answers {1, now, closed for ms}.
--
-- It only counts. Which limits there are, what a priority is, what headers mean: Python.
-- Instants that lie in the future, for the clock was put back, are taken for gone.

local verb, now, id, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local flying = KEYS[1]
local DAY, SOON, TRIAL, LOOK = 93600000, 60000, 2000, 20

local function at(number) return string.format('%.0f', number) end
local function figure(hash, name) return tonumber(redis.call('HGET', hash, name) or '') end

local function sweep(key, latest)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', at(now))
  redis.call('ZREMRANGEBYSCORE', key, '(' .. at(latest), '+inf')
end

sweep(flying, now + lease)

-- When the n-th of our calls leaves the set.
local function leaves(key, n)
  local found = redis.call('ZRANGE', key, n - 1, n - 1, 'WITHSCORES')
  return tonumber(found[2] or '') or now
end

-- Returns why a call must wait for a limit, and until when; nil if it needn't.
local function wait_for(kind, most, span, hash, calls, priority, reserve, passes, look)
  local shut = figure(hash, 'closed_until')
  if shut and shut > now and figure(hash, 'closed_at') <= now then return 'closed', shut end
  if figure(hash, 'trial') then
    local trial = figure(hash, 'trial_until') or 0
    -- It is under way, and is likely to be answered long before it is given up.
    if trial > now and trial <= now + SOON then return 'closed', math.min(trial, now + LOOK) end
  end
  for other = 0, priority - 1 do
    local wanted = figure(hash, 'wanted' .. other)
    if wanted and wanted > now and wanted <= now + SOON then return 'turn', wanted end
  end
  most = figure(hash, 'most') or (most >= 0 and most) or nil
  if not most then return nil end
  local keep = math.floor(most * reserve)
  if kind == 'daily' then
    local left, asked = figure(hash, 'left'), figure(hash, 'asked_at') or 0
    if not left or left > keep or passes then return nil end
    if asked > now or asked + look <= now then return nil end
    return left > 0 and 'kept' or 'used', asked + look
  end
  if kind == 'concurrent' then
    local count = redis.call('ZCARD', flying)
    if most - count > keep then return nil end
    return most > count and 'kept' or 'used', now + LOOK
  end
  sweep(calls, now + lease + span)
  local count, told, foreign = redis.call('ZCARD', calls), figure(hash, 'told_at') or 0, 0
  if told <= now and told + span > now then foreign = figure(hash, 'foreign') or 0 end
  local left = most - count - foreign
  if left > keep then return nil end
  local short = keep + 1 - left
  local free = short <= count and leaves(calls, short) or told + span
  -- A call under way counts until its lease ends, but is likely to be answered long before.
  return left > 0 and 'kept' or 'used', math.max(now + LOOK, math.min(free, now + span))
end

local function take()
  local priority, reserve = tonumber(ARGV[5]), tonumber(ARGV[6])
  local passes, look = ARGV[7] == '1', tonumber(ARGV[8])
  for n = 1, (#KEYS - 1) / 2 do
    local hash, calls = KEYS[2 * n], KEYS[2 * n + 1]
    local kind, most, span = ARGV[3 * n + 6], tonumber(ARGV[3 * n + 7]), tonumber(ARGV[3 * n + 8])
    local why, free = wait_for(kind, most, span, hash, calls, priority, reserve, passes, look)
    if why then
      if kind ~= 'daily' and why ~= 'turn' then
        redis.call('HSET', hash, 'wanted' .. priority, at(math.min(free, now + SOON - 500) + 250))
        redis.call('PEXPIRE', hash, DAY)
      end
      return {0, now, n, why, free}
    end
  end
  redis.call('ZADD', flying, at(now + lease), id)
  redis.call('PEXPIRE', flying, lease)
  for n = 1, (#KEYS - 1) / 2 do
    local hash, calls = KEYS[2 * n], KEYS[2 * n + 1]
    local kind, span = ARGV[3 * n + 6], tonumber(ARGV[3 * n + 8])
    redis.call('HDEL', hash, 'wanted' .. priority)
    if figure(hash, 'trial') then redis.call('HSET', hash, 'trial_until', at(now + TRIAL)) end
    if kind == 'window' then
      redis.call('ZADD', calls, at(now + lease + span), id)
      redis.call('PEXPIRE', calls, lease + span)
    elseif kind == 'daily' and figure(hash, 'left') then
      redis.call('HINCRBY', hash, 'left', -1)
      local asked = figure(hash, 'asked_at') or 0
      if asked > now or asked + look <= now then redis.call('HSET', hash, 'asked_at', at(now)) end
    end
  end
  return {1, now}
end

local function hear(kind, span, hash, calls, most, left)
  if most < 0 then most = figure(hash, 'most') or -1 end
  if most < 0 then return end
  redis.call('HSET', hash, 'most', at(most), 'told_at', at(now), 'asked_at', at(now))
  if kind == 'daily' then
    -- Calls under way may not have been counted yet.
    redis.call('HSET', hash, 'left', at(left - redis.call('ZCARD', flying)))
  elseif kind == 'window' then
    -- What the vendor counted and we surely didn't send lately is another's. In doubt it is: the next answer corrects it.
    local ours = redis.call('ZCOUNT', calls, at(now + span / 20), at(now + span))
    redis.call('HSET', hash, 'foreign', at(math.max(0, most - left - ours)))
  end
end

-- Closes a limit for so long, twice as long each time that a call was refused that left when it was open again.
local function close(hash, taken, shut, longest)
  local times = figure(hash, 'refused') or 0
  if taken >= (figure(hash, 'closed_until') or 0) then times = times + 1 end
  times = math.max(times, 1)
  shut = math.min(shut * 2 ^ math.min(times - 1, 20), longest)
  redis.call('HSET', hash, 'closed_at', at(now), 'closed_until', at(now + shut), 'trial', 1, 'refused', at(times))
  redis.call('HDEL', hash, 'trial_until')
  return shut
end

local function settle()
  local answered, closed = ARGV[5] == '1', 0
  local taken = tonumber(redis.call('ZSCORE', flying, id) or '')
  taken = taken and taken - lease or 0
  redis.call('ZREM', flying, id)
  for n = 1, (#KEYS - 1) / 2 do
    local hash, calls, first = KEYS[2 * n], KEYS[2 * n + 1], 6 * n
    local kind, span = ARGV[first], tonumber(ARGV[first + 1])
    local most, left, shut = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4])
    -- Answered, the vendor counted it before now: it leaves the vendor's window before it leaves ours.
    if kind == 'window' and answered then redis.call('ZADD', calls, 'XX', at(now + span), id) end
    if left >= 0 then hear(kind, span, hash, calls, most, left) end
    if shut >= 0 then
      closed = math.max(closed, close(hash, taken, shut, tonumber(ARGV[first + 5])))
    elseif answered and taken >= (figure(hash, 'closed_until') or 0) then
      redis.call('HDEL', hash, 'closed_at', 'closed_until', 'trial', 'trial_until', 'refused')
    end
    redis.call('PEXPIRE', hash, DAY)
  end
  return {1, now, closed}
end

if verb == 'take' then return take() end
return settle()
