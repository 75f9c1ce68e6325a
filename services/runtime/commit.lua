#!lua name=tasuki_1
--[[
Apply one batch to a shard: its operations and its ledger together, or nothing at all.

KEYS[1]   ledger      HASH epoch, offset, version: integers as text; written only here and when a shard is opened
KEYS[2..] touched     every key that an operation names, each once, none the ledger, all in the ledger's slot
ARGV[1]   epoch       integer, of the owner who calls
ARGV[2]   base_offset integer, the ledger's offset as the owner knows it; -1 before the first record
ARGV[3]   base_version integer, the ledger's version as the owner knows it; 0 before the first commit
ARGV[4]   new_offset  integer, base_offset or more
ARGV[5]   operations  MessagePack (raw type, no bin): array of {command, index into KEYS, argument…}

Commands: SET value | DEL | HSET field value… | HDEL field… | HINCRBY field delta… | ZADD score member… |
ZREM member… | SADD member… | SREM member… | XADD id field value… (id "<n>-<n>" or "<n>-*") |
XTRIM id (drops what is below, exactly) | PEXPIREAT epoch milliseconds UTC.
Integers lie within +-(2^53 - 1), for Lua counts in doubles. An operation has at most 4,000 arguments.

Returns {status, epoch, offset, version}, the last three as the ledger holds them now, as text; status is
  committed    applied; offset is new_offset, version is base_version + 1
  fenced       a younger owner took over; nothing written
  duplicate    the ledger is ahead of the base: applied before; nothing written
  rolled_back  the ledger is behind the base or gone: the store lost writes; nothing written
An operation that can't be applied gives an error "INVALID operation <number from 1>: <reason>"; nothing written.

A script that fails half-way keeps what it wrote, so everything is checked against a picture of the keys
before the first write, and the ledger is written last. No allow-oom: a full store refuses the call up front.
Source: https://redis.io/docs/latest/develop/programmability/functions-intro/
]]

local LIMIT = 9007199254740991
local MOST_ARGUMENTS = 4000 -- unpack() holds about 8,000 values

-- The integer that a MessagePack number or decimal text stands for, nil for anything else.
local function integer(value)
  local number = value
  if type(value) == 'string' then
    if #value > 17 or not (value == '0' or string.find(value, '^%-?[1-9]%d*$')) then return nil end
    number = tonumber(value)
  end
  if type(number) ~= 'number' or number ~= math.floor(number) then return nil end
  if number < -LIMIT or number > LIMIT then return nil end
  return number
end

local function text(number) return string.format('%.0f', number) end

-- A field's name as the store will hear it.
local function name_of(value) return type(value) == 'number' and text(value) or value end

-- The two halves of a stream id; the second is '*' where the server is to choose it. nil when it is no id.
local function stream_id(value)
  if type(value) ~= 'string' then return nil end
  local first, second = string.match(value, '^(%d+)%-(%d+)$')
  if not first then first, second = string.match(value, '^(%d+)%-(%*)$') end
  if not first then return nil end
  first = integer(first)
  if second ~= '*' then second = integer(second) end
  if not first or not second then return nil end
  return first, second
end

-- What the keys will be like after the operations checked so far; read from the store when first asked.
-- counted: keys that HINCRBY touches, for only these need the picture of their fields.
local function picture_of(keys, operations)
  local picture = { kinds = {}, fields = {}, fresh = {}, expiring = {}, last = {}, counted = {} }
  for _, operation in ipairs(operations) do
    if operation[1] == 'HINCRBY' and keys[operation[2]] then picture.counted[keys[operation[2]]] = true end
  end
  return picture
end

local function kind_of(picture, key)
  local kind = picture.kinds[key]
  if not kind then
    kind = redis.call('TYPE', key).ok
    picture.kinds[key] = kind
  end
  return kind
end

local function must_be(picture, key, wanted)
  local kind = kind_of(picture, key)
  if kind ~= wanted and kind ~= 'none' then return 'the key holds a ' .. kind .. ', not a ' .. wanted end
end

-- The key becomes *kind* with nothing of what it held.
local function replaced(picture, key, kind)
  picture.kinds[key] = kind
  picture.fresh[key] = true
  picture.fields[key] = nil
  picture.last[key] = nil
  picture.expiring[key] = nil
end

local function fields_of(picture, key)
  local fields = picture.fields[key]
  if not fields then
    fields = {}
    picture.fields[key] = fields
  end
  return fields
end

local function pairs_given(operation) return #operation >= 4 and #operation % 2 == 0 end

local function is_score(value)
  if type(value) == 'number' then return value == value and value > -math.huge and value < math.huge end
  if not string.find(value, '^%-?%d+%.?%d*$') and not string.find(value, '^%-?%d+%.?%d*[eE][-+]?%d+$') then
    return false
  end
  local number = tonumber(value)
  return number ~= nil and number > -math.huge and number < math.huge
end

-- The last id that the stream ever held, as two numbers.
local function last_of(picture, key)
  local last = picture.last[key]
  if not last then
    last = { 0, 0 }
    if not picture.fresh[key] and kind_of(picture, key) == 'stream' then
      local info = redis.call('XINFO', 'STREAM', key)
      for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
          local first, second = string.match(info[i + 1], '^(%d+)%-(%d+)$')
          last = { tonumber(first), tonumber(second) }
        end
      end
    end
    picture.last[key] = last
  end
  return last
end

-- One for each command: check the operation, bring the picture up to date, and return nil and the call to
-- make, or the reason why it can't be made. The operation holds the key's name in place of its index.
local check = {}

function check.SET(picture, key, operation)
  if #operation ~= 3 then return 'SET takes one value' end
  replaced(picture, key, 'string')
  return nil, operation
end

function check.DEL(picture, key, operation)
  if #operation ~= 2 then return 'DEL takes no argument' end
  replaced(picture, key, 'none')
  return nil, operation
end

function check.HSET(picture, key, operation)
  if not pairs_given(operation) then return 'HSET takes pairs of field and value' end
  local reason = must_be(picture, key, 'hash')
  if reason then return reason end
  picture.kinds[key] = 'hash'
  if picture.counted[key] then
    local fields = fields_of(picture, key)
    for i = 3, #operation, 2 do fields[name_of(operation[i])] = operation[i + 1] end
  end
  return nil, operation
end

function check.HDEL(picture, key, operation)
  if #operation < 3 then return 'HDEL takes fields' end
  local reason = must_be(picture, key, 'hash')
  if reason then return reason end
  if picture.counted[key] then
    local fields = fields_of(picture, key)
    for i = 3, #operation do fields[name_of(operation[i])] = false end
  end
  return nil, operation
end

-- Written as one HSET of the sums: two calls for a key instead of two for each field.
function check.HINCRBY(picture, key, operation)
  if not pairs_given(operation) then return 'HINCRBY takes pairs of field and delta' end
  local reason = must_be(picture, key, 'hash')
  if reason then return reason end
  if picture.expiring[key] then return 'HINCRBY after PEXPIREAT on the same key' end
  local names = {}
  for i = 3, #operation, 2 do names[#names + 1] = operation[i] end
  local stored = {}
  if not picture.fresh[key] and kind_of(picture, key) == 'hash' then
    stored = redis.call('HMGET', key, unpack(names))
  end
  picture.kinds[key] = 'hash'
  local fields = fields_of(picture, key)
  local call = { 'HSET', key }
  for i, name in ipairs(names) do
    name = name_of(name)
    local delta = integer(operation[2 * i + 2])
    if not delta then return 'the delta is not an integer within 2^53 - 1' end
    local now = fields[name]
    if now == nil then now = stored[i] end
    now = integer(now or 0)
    if not now then return 'the field to add to does not hold an integer within 2^53 - 1' end
    local sum = now + delta
    if sum < -LIMIT or sum > LIMIT then return 'the sum leaves the integers within 2^53 - 1' end
    fields[name] = sum
    call[2 * i + 1] = name
    call[2 * i + 2] = text(sum)
  end
  return nil, call
end

function check.ZADD(picture, key, operation)
  if not pairs_given(operation) then return 'ZADD takes pairs of score and member' end
  local reason = must_be(picture, key, 'zset')
  if reason then return reason end
  for i = 3, #operation, 2 do
    if not is_score(operation[i]) then return 'the score is not a finite number' end
  end
  picture.kinds[key] = 'zset'
  return nil, operation
end

-- ZREM, SADD and SREM: members of one kind of key.
local function members(command, kind)
  return function(picture, key, operation)
    if #operation < 3 then return command .. ' takes members' end
    local reason = must_be(picture, key, kind)
    if reason then return reason end
    if command == 'SADD' then picture.kinds[key] = kind end
    return nil, operation
  end
end

check.ZREM = members('ZREM', 'zset')
check.SADD = members('SADD', 'set')
check.SREM = members('SREM', 'set')

function check.XADD(picture, key, operation)
  if #operation < 5 or #operation % 2 == 0 then return 'XADD takes an id and pairs of field and value' end
  local first, second = stream_id(operation[3])
  if not first then return 'the id is not of the form <n>-<n> or <n>-*' end
  local reason = must_be(picture, key, 'stream')
  if reason then return reason end
  local last = last_of(picture, key)
  if second == '*' then second = first == last[1] and last[2] + 1 or 0 end
  if first < last[1] or (first == last[1] and second <= last[2]) then
    return 'the id is not above the last of the stream'
  end
  picture.last[key] = { first, second }
  picture.kinds[key] = 'stream'
  return nil, operation
end

function check.XTRIM(picture, key, operation)
  if #operation ~= 3 then return 'XTRIM takes an id' end
  local first, second = stream_id(operation[3])
  if not first or second == '*' then return 'the id is not of the form <n>-<n>' end
  local reason = must_be(picture, key, 'stream')
  if reason then return reason end
  return nil, { 'XTRIM', key, 'MINID', operation[3] }
end

function check.PEXPIREAT(picture, key, operation)
  local at = integer(operation[3])
  if #operation ~= 3 or not at or at <= 0 then return 'PEXPIREAT takes an instant in milliseconds' end
  picture.expiring[key] = true
  return nil, { 'PEXPIREAT', key, text(at) }
end

-- The shape that all operations share; returns the reason, or nil and the key's name.
local function shape(keys, operation)
  if type(operation) ~= 'table' or not check[operation[1]] then return 'the command is not allowed' end
  local key = type(operation[2]) == 'number' and operation[2] >= 2 and keys[operation[2]]
  if not key then return 'the key index is outside KEYS' end
  if key == keys[1] then return 'the ledger is not to be touched' end
  if #operation > MOST_ARGUMENTS + 2 then return 'more than 4,000 arguments' end
  for i = 3, #operation do
    local kind = type(operation[i])
    if kind == 'number' then
      if operation[1] ~= 'ZADD' and not integer(operation[i]) then return 'a number is not an integer within 2^53 - 1' end
    elseif kind ~= 'string' then
      return 'an argument is neither text nor a number'
    end
  end
  return nil, key
end

-- Whether ipairs() sees everything: no holes, no names.
local function is_array(value)
  if type(value) ~= 'table' then return false end
  local held = 0
  for _ in pairs(value) do held = held + 1 end
  local seen = 0
  for _ in ipairs(value) do seen = seen + 1 end
  return held == seen
end

-- Returns the calls to make, or nil and an error reply.
local function checked(keys, operations)
  local picture = picture_of(keys, operations)
  local calls, permitted = {}, {}
  for number, operation in ipairs(operations) do
    local reason, key = shape(keys, operation)
    local call
    if not reason then
      operation[2] = key
      reason, call = check[operation[1]](picture, key, operation)
    end
    if not reason and not permitted[call[1]] then
      permitted[call[1]] = true
      if not redis.acl_check_cmd(unpack(call)) then reason = 'the user may not run ' .. call[1] end
    end
    if reason then
      return nil, redis.error_reply('INVALID operation ' .. number .. ': ' .. reason)
    end
    calls[number] = call
  end
  return calls
end

-- What the ledger says to a caller who believes in *base*; nil when they agree.
local function verdict(ledger, base)
  if not ledger.epoch or ledger.epoch < base.epoch then return 'rolled_back' end
  if ledger.epoch > base.epoch then return 'fenced' end
  if ledger.offset ~= base.offset then return ledger.offset > base.offset and 'duplicate' or 'rolled_back' end
  if ledger.version ~= base.version then return ledger.version > base.version and 'duplicate' or 'rolled_back' end
end

local function answer(status, ledger)
  return { status, text(ledger.epoch or 0), text(ledger.offset), text(ledger.version) }
end

local function commit(keys, args)
  local base = { epoch = integer(args[1]), offset = integer(args[2]), version = integer(args[3]) }
  local new_offset = integer(args[4])
  if not (base.epoch and base.offset and base.version and new_offset) or new_offset < base.offset then
    return redis.error_reply('INVALID arguments: epoch, base_offset, base_version, new_offset >= base_offset')
  end
  local stored = redis.call('HMGET', keys[1], 'epoch', 'offset', 'version')
  local ledger = { epoch = integer(stored[1]), offset = integer(stored[2]) or -1, version = integer(stored[3]) or 0 }
  local status = verdict(ledger, base)
  if status then return answer(status, ledger) end

  local operations = cmsgpack.unpack(args[5])
  if not is_array(operations) then return redis.error_reply('INVALID arguments: operations are no array') end
  if not redis.acl_check_cmd('HSET', keys[1], 'offset', '0') then
    return redis.error_reply('INVALID arguments: the user may not write the ledger')
  end
  local calls, failure = checked(keys, operations)
  if failure then return failure end

  for _, call in ipairs(calls) do redis.call(unpack(call)) end
  ledger.offset = new_offset
  ledger.version = base.version + 1
  redis.call('HSET', keys[1], 'offset', text(ledger.offset), 'version', text(ledger.version))
  return answer('committed', ledger)
end

redis.register_function('tasuki_commit_1', commit)
