-- What the scripts over streams have in common; it stands before each of them.

-- Milliseconds and sequence of a stream ID; nothing of another text.
local function parse(position)
  local ms, sequence = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

-- Whether a text is a position as producers write them: no zero before a number, and small enough for SQL; see
-- Position::is_packable.
local function is_position(text)
  local ms, sequence = parse(text)
  return ms and ms < 2 ^ 43 and sequence < 2 ^ 20 and text == string.format('%.0f-%.0f', ms, sequence)
end

local function before(a, b)
  local a_ms, a_sequence = parse(a)
  local b_ms, b_sequence = parse(b)
  return a_ms < b_ms or (a_ms == b_ms and a_sequence < b_sequence)
end

-- Whether a text is a whole number that is held exactly.
local function is_count(value)
  return string.match(value, '^%d+$') and #value <= 15
end

-- The refusal of a script that cannot read a field of a hash: nobody's change of something else writes over it.
local function unreadable(key, field)
  return redis.error_reply('UNREADABLE the field ' .. field .. ' of ' .. key .. ' holds something else')
end

-- The flat list of a reply as a table.
local function fields(list)
  local found = {}
  for index = 1, #list, 2 do
    found[list[index]] = list[index + 1]
  end
  return found
end

-- Redis' own clock in Unix ms: those of its clients may be wrong.
local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- The lowest ID of a stream that keeps entries so many ms. Where the newest entry is older than Redis' clock
-- says, that counts: a clock that leaps takes nothing away.
local function oldest_kept(max_age_ms, newest)
  local newest_ms = parse(newest)
  return string.format('%.0f', math.max(math.min(now_ms(), newest_ms) - max_age_ms, 0))
end

-- Entries trimmed at once: Redis serves nobody else meanwhile.
local TRIMMED_AT_ONCE = 50000

-- Drops the oldest of a stream that takes more than so many bytes; each of its nodes is counted. The oldest
-- may be smaller than the others, so that it is tried again.
local function bound_bytes(stream, most)
  for _ = 1, 3 do
    local used = redis.call('MEMORY', 'USAGE', stream, 'SAMPLES', 0) or 0
    if used <= most then
      return
    end
    local kept = math.floor(redis.call('XLEN', stream) * 0.95 * most / used)
    redis.call('XTRIM', stream, 'MAXLEN', '~', kept, 'LIMIT', TRIMMED_AT_ONCE)
  end
end

-- Adds to a stream that no group reads; it is looked at every 1,000 entries.
local function add_to_log(stream, max_age_ms, bytes, event)
  redis.call('XADD', stream, 'MINID', '~', string.format('%.0f', now_ms() - max_age_ms), '*', 'event', event)
  if redis.call('XLEN', stream) % 1000 == 0 then
    bound_bytes(stream, tonumber(bytes))
  end
end

-- Adds to a timeline: it keeps its newest entries, so many bytes of them, and expires when nothing comes.
-- `bounds` holds these three, from `first` on.
local function add_to_timeline(timeline, position, event, bounds, first)
  local newest, bytes = tonumber(bounds[first]), tonumber(bounds[first + 1])
  local id = redis.call('XADD', timeline, 'MAXLEN', '=', newest, position, 'event', event)
  redis.call('PEXPIRE', timeline, bounds[first + 2])
  -- So many entries of the usual size are within the bound anyhow.
  if #event > bytes / newest then
    local used = redis.call('MEMORY', 'USAGE', timeline, 'SAMPLES', 0)
    if used > bytes then
      local kept = math.floor(redis.call('XLEN', timeline) * bytes / used * 0.9)
      redis.call('XTRIM', timeline, 'MAXLEN', '=', math.max(kept, 1))
    end
  end
  return id
end

-- The ID before which a group has acknowledged everything; nothing where there is no such group.
local function acknowledged_before(stream, group)
  for _, described in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local of = fields(described)
    if of['name'] == group then
      local pending = redis.call('XPENDING', stream, group)
      return pending[1] > 0 and pending[2] or of['last-delivered-id']
    end
  end
end

-- Drops what a group has acknowledged and is too old, or, where the stream takes more than its bytes, the
-- oldest part of what it has acknowledged. Answers how many entries went.
local function trim_acknowledged(stream, group, max_age_ms, bytes, used)
  local acknowledged = acknowledged_before(stream, group)
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not acknowledged or not oldest then
    return 0
  end
  local newest = fields(redis.call('XINFO', 'STREAM', stream))['last-generated-id']
  local lowest = oldest_kept(tonumber(max_age_ms), newest)
  if used > bytes then
    -- By time: what is trimmed need not be read for it. It is tried again as long as it was too little.
    local oldest_ms, newest_ms = parse(oldest[1]), parse(newest)
    local excess = 1 - 0.9 * bytes / used
    lowest = string.format('%.0f', math.max(lowest, math.ceil(oldest_ms + excess * (newest_ms - oldest_ms) + 1)))
  end
  if before(acknowledged, lowest .. '-0') then
    lowest = acknowledged
  end
  return redis.call('XTRIM', stream, 'MINID', '=', lowest)
end

-- Whether a stream that a group reads may take more: what was accepted is not lost, so that one whose group
-- is behind refuses what is new.
local function has_room(stream, group, max_age_ms, bytes)
  local used = redis.call('MEMORY', 'USAGE', stream) or 0
  if used <= bytes then
    return true
  end
  trim_acknowledged(stream, group, max_age_ms, bytes, used)
  return redis.call('MEMORY', 'USAGE', stream) <= bytes
end

-- Whether XADD can add one more entry: what is there is a stream, and IDs are left.
local function takes_entries(stream)
  local kind = redis.call('TYPE', stream).ok
  return kind == 'none' or kind == 'stream'
    and fields(redis.call('XINFO', 'STREAM', stream))['last-generated-id'] ~= '18446744073709551615-18446744073709551615'
end

-- A stream of what stands elsewhere too begins anew where it takes no more entries, whoever broke it.
local function mend(stream)
  if not takes_entries(stream) then
    redis.call('UNLINK', stream)
  end
end

-- A key that holds something of another type, whoever wrote it, begins anew.
local function mend_type(key, type_name)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= type_name then
    redis.call('UNLINK', key)
  end
end

-- What a group says of itself; nothing where there is no such group.
local function group_of(stream, name)
  for _, described in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = fields(described)
    if group['name'] == name then
      return group
    end
  end
end

-- The ID up to which every entry was delivered to a stream's group, as kept; what is no ID there is as good as
-- none.
local function kept_delivered(key)
  local held = redis.pcall('GET', key)
  return type(held) == 'string' and parse(held) and held or '0-0'
end

-- Moves that ID on, and answers it. A group's last-delivered-id says less: XGROUP SETID takes it past entries
-- that were delivered to nobody. Those that were are pending, or have just been `settled` (a table by ID). What
-- is neither was settled before, where the ID had to begin anew, or skipped: for a day a group may be set back to
-- it.
local function move_delivered(stream, group, key, settled)
  local AT_ONCE, ROUNDS, DAY_MS = 100, 20, 86400000
  local skipped_ms = now_ms() - DAY_MS
  local delivered = kept_delivered(key)
  if before(group['last-delivered-id'], delivered) then
    delivered = group['last-delivered-id']
  end
  -- IDs of the future are an operator's, and may be taken away again.
  local latest = string.format('%.0f', now_ms() + 60000)
  local is_next, rounds = not before(latest .. '-0', delivered), 0
  while is_next and rounds < ROUNDS do
    rounds = rounds + 1
    local following = redis.call('XRANGE', stream, '(' .. delivered, latest, 'COUNT', AT_ONCE)
    is_next = #following == AT_ONCE
    for _, entry in ipairs(following) do
      local id = entry[1]
      local is_passed = settled[id] or parse(id) < skipped_ms
      if not is_passed and #redis.call('XPENDING', stream, group['name'], id, id, 1) == 0 then
        is_next = false
        break
      end
      delivered = id
    end
  end
  redis.call('SET', key, delivered)
  return delivered
end
