import type {
  AccountPatch, Limit, MachineToken, Me, NewMachineToken, SecondFactorRequired as Challenge, SecurityEvent,
  Session as Device, SignedIn, TotpSecret, User,
} from './api-types'
import { type Page, call, query } from './api'

// Accounts and sign-ins. Tokens travel as cookies and never reach a script, but for those that a
// mail's link carries and those made for machines.

const REFRESH_WITHIN_MS = 10_000

const post = <T>(path: string, body?: unknown) => call<T>(path, { method: 'POST', body })
const remove = (path: string) => call<void>(path, { method: 'DELETE' })
/** For who need not be signed in. */
const knock = <T>(path: string, body: unknown) => call<T>(path, { method: 'POST', body, once: true })

/** A change of address takes the password, and a code where there is a second factor. */
export type AddressChange = Pick<AccountPatch, 'code'> & Required<Pick<AccountPatch, 'email' | 'current_password'>>

export interface EventFilter {
  type?: string | null
  from?: string | null
  to?: string | null
}

export const account = {
  /** Without a user where a mail says how it goes on. */
  register: (body: { email: string; handle: string; password: string }) => knock<{ user?: User }>('/api/auth/register', body),
  login: (email: string, password: string) =>
    knock<SignedIn | Challenge>('/api/auth/login', { email, password, cookies: true }),
  secondFactor: (challenge: string, code: string) =>
    knock<SignedIn>('/api/auth/second-factor', { challenge, code, cookies: true }),
  refresh: () =>
    call<SignedIn>('/api/auth/refresh', {
      method: 'POST',
      body: { cookies: true },
      once: true,
      signal: AbortSignal.timeout(REFRESH_WITHIN_MS),
    }),
  /** The session sees to the tokens of these two itself. */
  logout: () => call<void>('/api/auth/logout', { method: 'POST', once: true }),
  deleteMe: () => call<void>('/api/me', { method: 'DELETE', once: true }),
  reauthenticate: (password: string, code: string | null) =>
    post<void>('/api/auth/reauthenticate', code === null ? { password } : { password, code }),

  requestReset: (email: string) => knock<void>('/api/auth/password-reset/request', { email }),
  confirmReset: (token: string, new_password: string) => knock<void>('/api/auth/password-reset/confirm', { token, new_password }),
  changePassword: (current_password: string, new_password: string, keep_tokens: boolean) =>
    post<void>('/api/auth/password', { current_password, new_password, keep_tokens }),
  requestVerification: () => post<void>('/api/auth/verify-email/request'),
  /** As who is signed in, by the account's password, or with a new one that takes it over and ends all that was there. */
  verifyEmail: (token: string, shown: { password?: string; new_password?: string } = {}) =>
    post<void>('/api/auth/verify-email', { token, ...shown }),
  undoEmailChange: (token: string) => knock<void>('/api/auth/email/undo', { token }),

  me: () => call<Me>('/api/me'),
  /** The address of now alone drops a change that is pending. */
  changeMe: (change: { handle: string } | { email: string } | AddressChange) => call<User>('/api/me', { method: 'PATCH', body: change }),
  export: () => call<unknown>('/api/me/export'),
  limits: () => call<{ items: Limit[] }>('/api/me/limits'),

  devices: () => call<Page<Device>>('/api/auth/sessions'),
  endDevice: (id: string) => remove(`/api/auth/sessions/${id}`),
  endOtherDevices: () => remove('/api/auth/sessions'),

  beginTotp: () => post<TotpSecret>('/api/me/totp'),
  confirmTotp: (code: string) => post<{ recovery_codes: string[] }>('/api/me/totp/confirm', { code }),
  removeTotp: () => remove('/api/me/totp'),

  tokens: () => call<Page<MachineToken>>('/api/me/tokens'),
  createToken: (body: NewMachineToken) => post<MachineToken & { token: string }>('/api/me/tokens', body),
  revokeToken: (id: string) => remove(`/api/me/tokens/${id}`),

  events: (filter: EventFilter, cursor: string | null) =>
    call<Page<SecurityEvent>>(`/api/me/security-events${query({ limit: 50, cursor, ...filter })}`),
}
