import type { SecurityEvent } from './api-types'

// What happened to an account, in words for the person it belongs to.

export type Tone = 'plain' | 'good' | 'warn' | 'bad'

const WORDS: Record<string, [text: string, tone: Tone]> = {
  account_created: ['The account was created', 'plain'],
  signed_in: ['Signed in', 'plain'],
  sign_in_failed: ['A wrong password was entered', 'warn'],
  second_step_failed: ['The password was right, but the code was wrong', 'warn'],
  account_locked: ['Sign-in was locked for a while', 'warn'],
  account_unlocked: ['Sign-in was unlocked', 'plain'],
  signed_out: ['Signed out', 'plain'],
  session_ended: ['A device was signed out', 'plain'],
  refresh_repeated: ['A session was renewed with an older token, as after a lost connection', 'plain'],
  token_reused: ['An old copy of a sign-in was used, so it was ended', 'bad'],
  password_changed: ['The password was changed', 'plain'],
  password_reset_requested: ['An email to set a new password was requested', 'plain'],
  password_reset: ['A new password was set by email', 'plain'],
  email_verified: ['The address was confirmed', 'good'],
  email_change_requested: ['A change of address was requested', 'warn'],
  email_changed: ['The address was changed', 'warn'],
  email_change_undone: ['A change of address was undone', 'warn'],
  profile_changed: ['The profile was changed', 'plain'],
  second_factor_enabled: ['The second factor was turned on', 'good'],
  second_factor_disabled: ['The second factor was turned off', 'warn'],
  recovery_code_used: ['A recovery code was used', 'warn'],
  machine_token_created: ['A machine token was created', 'plain'],
  machine_token_revoked: ['A machine token was revoked', 'plain'],
  roles_changed: ['The roles were changed', 'plain'],
  account_deleted: ['The account was deleted', 'bad'],
}

/** What the list can be narrowed to. */
export const EVENT_KINDS = Object.entries(WORDS).map(([kind, [text]]) => ({ kind, text }))

const kindOf = (type: string) => /^devmentor\.security\.(.+)\.v1$/.exec(type)?.[1] ?? ''

/** A type that came later than this page is named, never guessed at. */
export function eventText(event: SecurityEvent): string {
  const text = WORDS[kindOf(event.type)]?.[0] ?? `Something that this page does not know: ${event.type}`
  return event.actor_id !== null && event.actor_id !== event.user_id ? `${text}, by an administrator` : text
}

export function eventTone(event: SecurityEvent): Tone {
  return WORDS[kindOf(event.type)]?.[1] ?? 'plain'
}

export interface Day {
  /** `2026-01-31`, here. */
  date: string
  events: SecurityEvent[]
}

/** By days as they are here, in the order they came. */
export function byDay(events: SecurityEvent[], dateOf: (time: string) => string): Day[] {
  const days: Day[] = []
  for (const event of events) {
    const date = dateOf(event.time)
    const last = days.at(-1)
    if (last?.date === date) last.events.push(event)
    else days.push({ date, events: [event] })
  }
  return days
}
