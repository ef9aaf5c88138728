/**
 * The secret that the link of a mail carries behind `#`, where no server sees it. It is taken once,
 * and is gone from the address bar and the history at once.
 */
export function takeToken(): string | null {
  if (location.hash === '') return null
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  history.replaceState(history.state, '', location.pathname + location.search)
  return token || null
}
