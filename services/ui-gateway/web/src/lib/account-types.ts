import type { User } from './types'

// What the server says about accounts, sessions and machine tokens.

export interface SignedIn {
  expires_in: number
  session_id: string
  user: User
}

/** The password was right; a code has to follow. */
export interface Challenge {
  second_factor_required: true
  challenge: string
  expires_in: number
}

export interface Me {
  user: User
  session: { id: string; created_at: string; expires_at: string }
}

/** Somebody's sign-in on one device. */
export interface Device {
  id: string
  created_at: string
  last_seen_at: string
  expires_at: string
  agent: string | null
  address: string | null
  current: boolean
}

export interface TotpSecret {
  secret: string
  uri: string
  qr_svg: string
}

export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export interface MachineToken {
  id: string
  name: string
  scopes: Scope[]
  created_at: string
  expires_on: string | null
  last_used_at: string | null
}

/** A change of address takes the password, and a code where there is a second factor. */
export interface AddressChange {
  email: string
  current_password: string
  code?: string
}

export interface NewMachineToken {
  name: string
  scopes: Scope[]
  expires_on: string | null
}

export interface SecurityEvent {
  id: string
  type: string
  time: string
  user_id: string | null
  actor_id: string | null
  session_id: string | null
  agent: string | null
  address: string | null
  detail: string | null
}

export interface Limit {
  policy: string
  description: string
  limit: number
  window_seconds: number
  remaining: number
  reset_seconds: number
}
