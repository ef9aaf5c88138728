import type { MachineToken, Scope } from './account-types'

const SCOPE_TEXTS: Record<Scope, string> = {
  read: 'see what you see',
  write: 'change what you may change',
  admin: 'administer the platform, as you may',
}

export const scopeText = (scope: Scope) => SCOPE_TEXTS[scope] ?? ''

/** Its last day is one of UTC. */
export function hasEnded(token: MachineToken, now = new Date()): boolean {
  return token.expires_on !== null && token.expires_on < now.toISOString().slice(0, 10)
}
