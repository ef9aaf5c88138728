import type { MachineToken } from './api-types'

/** What a machine token may do. */
export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

const SCOPE_TEXTS: Record<Scope, string> = {
  read: 'see what you see',
  write: 'change what you may change',
  admin: 'administer the platform, as you may',
}

export const scopeText = (scope: string) => SCOPE_TEXTS[scope as Scope] ?? ''

/** For how long a token is wanted: so many days, until a day that is picked, or until it is revoked. */
export type Life = '30' | '90' | '365' | 'date' | 'revoked'

/** Its last day, or nothing where only revoking ends it. */
export function lastDay(life: Life, picked: string, now = new Date()): string | null {
  if (life === 'revoked') return null
  return life === 'date' ? picked : utcDayIn(Number(life), now)
}

const DAY_MS = 86_400_000

/** The days of tokens are days of UTC. */
export function utcDayIn(days: number, now = new Date()): string {
  return new Date(now.getTime() + days * DAY_MS).toISOString().slice(0, 10)
}

export function hasEnded(token: MachineToken, now = new Date()): boolean {
  return token.expires_on !== null && token.expires_on < utcDayIn(0, now)
}
