-- Writes the hot copy of a session, unless a better one is held.
--
-- KEYS[1]  session:{id}
-- ARGV[1]  version of this copy
-- ARGV[2]  the copy: its signature, a dot and JSON
-- ARGV[3]  ms until the copy expires
-- ARGV[4]  1 when it has ended, else 0
-- ARGV[5]  a value that is replaced whatever it claims, for its signature is not good; '' for none
--
-- Reply: nil when written, else the better copy that is held.
--
-- A script and not MULTI, because what is held decides. A copy read from SQL just before a logout and
-- written just after it would bring the session back: what has ended is never live again, so that one
-- that ended gives way only to a newer one that ended. Else the newer version counts.
--
-- Redis cannot check signatures: who calls checks the reply's, and calls again with what was forged.
-- Whatever somebody else has put there, of whatever type, is no error.

local ended = ARGV[4] == '1'
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and held ~= ARGV[5] then
  local read, copy = pcall(cjson.decode, string.match(held, '%.(.*)') or '')
  local session = read and type(copy) == 'table' and copy.session
  local version = type(session) == 'table' and tonumber(session.version)
  if version then
    local newer = version > tonumber(ARGV[1])
    local held_ended = type(session.ended_at) == 'string'
    if (held_ended and not ended) or (newer and held_ended == ended) then
      return held
    end
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false
