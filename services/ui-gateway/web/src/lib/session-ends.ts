// What is told to somebody whose sign-in the server has ended.

const OVER = 'Your session has ended. Sign in to go on where you were.'
const COPIED =
  'An old copy of this sign-in was used, so it was ended to keep you safe. Sign in again, and if you do not know why, change your password.'

export function endText(code: string): string {
  return code === 'token_reused' ? COPIED : OVER
}
