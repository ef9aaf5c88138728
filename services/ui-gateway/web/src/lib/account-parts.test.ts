import { afterEach, describe, expect, it, vi } from 'vitest'
import type { SecurityEvent } from './api-types'
import { agentName } from './agent'
import { ApiError } from './api'
import { Countdown, waitText } from './countdown.svelte'
import { formatAgo, startOfDay } from './dates'
import { hasEnded, lastDay } from './machine-tokens'
import { confirmed, reauthentication } from './reauthentication.svelte'
import { isPublic, parseRoute } from './router'
import { byDay, EVENT_KINDS, eventText, eventTone } from './security-events'
import { endText } from './session-ends'
import { Submission } from './submission.svelte'

afterEach(() => vi.useRealTimers())

describe('a countdown', () => {
  it('counts down by the clock, not by its ticks', () => {
    vi.useFakeTimers()
    const countdown = new Countdown()
    expect(countdown.secondsLeft).toBe(0)
    countdown.start(42)
    expect(countdown.secondsLeft).toBe(42)
    vi.setSystemTime(Date.now() + 41_100)
    expect(countdown.secondsLeft).toBe(1)
    vi.setSystemTime(Date.now() + 900)
    expect(countdown.secondsLeft).toBe(0)
  })

  it.each([
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min 00 s'],
    [845, '14 min 05 s'],
    [3_600, '1 h 00 min'],
    [86_399, '23 h 59 min'],
    [2 * 86_400, '2 days'],
    [30 * 86_400 - 5, '30 days'],
  ])('of %i is said as %s', (seconds, text) => expect(waitText(seconds)).toBe(text))
})

describe('a form', () => {
  const refusal = (status: number, code: string, wait: number | null = null) => async () => {
    throw new ApiError({ title: 'No', status, code, errors: [{ field: 'email', message: 'Wrong' }] }, wait)
  }

  it('is busy until it is answered, and sends once', async () => {
    const form = new Submission()
    let answer = () => {}
    const first = form.run(() => new Promise((resolve) => (answer = resolve)))
    expect(form.busy).toBe(true)
    expect(await form.run(async () => {})).toBe(false)
    answer()
    expect(await first).toBe(true)
    expect(form.busy).toBe(false)
  })

  it('says what is wrong, by field, and by a code that stands for one', async () => {
    const form = new Submission()
    await form.run(refusal(409, 'handle_taken'))
    expect([form.problem, form.field('email'), form.field('handle', 'handle_taken'), form.field('password')]).toEqual(['No', 'Wrong', 'No', undefined])
    await form.run(async () => {})
    expect([form.problem, form.refusal]).toEqual(['', null])
  })

  it.each(['account_locked', 'rate_limited'])('waits out %s', async (code) => {
    vi.useFakeTimers()
    const form = new Submission()
    await form.run(refusal(429, code, 30))
    expect([form.blocked, form.secondsLeft, form.wait !== undefined]).toEqual([true, 30, true])
    expect(await form.run(async () => {})).toBe(false)
    vi.setSystemTime(Date.now() + 30_000)
    expect(form.blocked).toBe(false)
    expect(await form.run(async () => {})).toBe(true)
  })

  it('does not wait for a server that is merely away', async () => {
    const form = new Submission()
    await form.run(refusal(503, 'unavailable', 30))
    expect([form.blocked, form.wait, form.problem]).toEqual([false, undefined, 'No'])
  })
})

describe('a password asked for in between', () => {
  const tooLongAgo = () => new ApiError({ title: 'Confirm', status: 403, code: 'reauthentication_required' })

  it('lets the action go on', async () => {
    let isConfirmed = false
    const action = confirmed(async () => {
      if (!isConfirmed) throw tooLongAgo()
      return 'done'
    })
    await vi.waitFor(() => expect(reauthentication.question).not.toBeNull())
    isConfirmed = true
    reauthentication.question?.done()
    expect(await action).toBe('done')
    expect(reauthentication.question).toBeNull()
  })

  it('may be refused, which is no fault', async () => {
    const form = new Submission()
    const action = vi.fn(async () => {
      throw tooLongAgo()
    })
    const run = form.run(() => confirmed(action))
    await vi.waitFor(() => expect(reauthentication.question).not.toBeNull())
    reauthentication.question?.cancel()
    expect(await run).toBe(false)
    expect([form.problem, action.mock.calls.length]).toEqual(['', 1])
  })

  it('is not asked for anything else', async () => {
    await expect(confirmed(async () => Promise.reject(new Error('other')))).rejects.toThrow('other')
    expect(reauthentication.question).toBeNull()
  })
})

describe('security events', () => {
  const event = (kind: string, more: Partial<SecurityEvent> = {}) =>
    ({ id: kind, type: `devmentor.security.${kind}.v1`, time: '2026-01-01T12:00:00.000Z', user_id: 'u', actor_id: 'u', ...more }) as SecurityEvent

  it('have words for every type', () => {
    expect(EVENT_KINDS).toHaveLength(25)
    for (const { kind, text } of EVENT_KINDS) expect(eventText(event(kind))).toBe(text)
    expect(eventTone(event('token_reused'))).toBe('bad')
    expect(eventTone(event('signed_in'))).toBe('plain')
  })

  it('say who did it where it was somebody else', () => {
    expect(eventText(event('roles_changed', { actor_id: 'admin' }))).toBe('The roles were changed, by an administrator')
    expect(eventText(event('sign_in_failed', { actor_id: null }))).toBe('A wrong password was entered')
  })

  it('of a type that came later are named, not guessed at', () => {
    for (const type of ['devmentor.security.signed_in.v2', 'devmentor.security.novel.v1', 'devmentor.security.toString.v1']) {
      expect(eventText(event('', { type }))).toContain(type)
      expect(eventTone(event('', { type }))).toBe('plain')
    }
  })

  it('stand by days, in their order', () => {
    const times = ['2026-01-02T10:00:00Z', '2026-01-02T09:00:00Z', '2026-01-01T23:00:00Z']
    const days = byDay(times.map((time) => event('signed_in', { time })), (time) => time.slice(0, 10))
    expect(days.map((day) => [day.date, day.events.length])).toEqual([['2026-01-02', 2], ['2026-01-01', 1]])
  })
})

describe('a device', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox on Linux'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0', 'Edge on Windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15', 'Safari on macOS'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'Safari on iPhone'],
    ['Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36', 'Chrome on Android'],
    ['curl/8.5.0', 'curl'],
    ['Mozilla/5.0', 'Mozilla'],
    ['', 'Unknown device'],
    [null, 'Unknown device'],
  ])('that says %s is called %s', (agent, name) => expect(agentName(agent)).toBe(name))
})

describe('times', () => {
  const now = new Date('2026-03-10T12:00:00Z')
  const past = (seconds: number) => formatAgo(new Date(now.getTime() - seconds * 1_000).toISOString(), now)

  it('that are near are said from here', () => {
    expect([past(0), past(59)]).toEqual(['now', 'now'])
    expect([past(60), past(3_599), past(2 * 3_600), past(2 * 86_400)]).toEqual(['1 minute ago', '59 minutes ago', '2 hours ago', '2 days ago'])
    expect(past(-5)).toBe('now')
    expect(past(30 * 86_400)).toMatch(/2026/)
    expect(formatAgo('nonsense', now)).toBe('nonsense')
  })

  it('of days begin here, and the last day counts', () => {
    const from = new Date(startOfDay('2026-01-31') ?? '')
    expect([from.getFullYear(), from.getMonth(), from.getDate(), from.getHours()]).toEqual([2026, 0, 31, 0])
    expect(new Date(startOfDay('2026-01-31', 1) ?? '').getDate()).toBe(1)
    expect(startOfDay('')).toBeNull()
  })

  it('of a machine token are days of UTC, or none', () => {
    const late = new Date('2026-03-10T23:30:00Z')
    expect([lastDay('30', '', late), lastDay('90', '', late), lastDay('365', '', late)]).toEqual(['2026-04-09', '2026-06-08', '2027-03-10'])
    expect([lastDay('date', '2026-05-01', late), lastDay('revoked', '2026-05-01', late)]).toEqual(['2026-05-01', null])
  })

  it('end a machine token after its last day', () => {
    const token = (expires_on: string | null) => ({ expires_on }) as Parameters<typeof hasEnded>[0]
    expect([hasEnded(token(null), now), hasEnded(token('2026-03-10'), now), hasEnded(token('2026-03-09'), now)]).toEqual([false, false, true])
  })
})

describe('the pages of an account', () => {
  it('have addresses of their own', () => {
    expect(parseRoute('/account')).toEqual({ name: 'account', section: 'profile' })
    expect(parseRoute('/account/tokens')).toEqual({ name: 'account', section: 'tokens' })
    for (const page of ['reset-password', 'verify-email', 'confirm-address', 'undo-address']) {
      expect(parseRoute(`/${page}`)).toEqual({ name: 'linked', page })
      expect(isPublic(parseRoute(`/${page}`))).toBe(true)
    }
    for (const path of ['/account/profile', '/account/x', '/account/tokens/x', '/verify-email/x']) {
      expect(parseRoute(path)).toEqual({ name: 'unknown' })
    }
  })

  it('are left with a reason', () => {
    expect(endText('token_reused')).toContain('old copy')
    expect(endText('unauthenticated')).toBe(endText('session_ended'))
  })
})
