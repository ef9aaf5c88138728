// The addresses of this app. The server answers the page for exactly these and for no other.

export type Route =
  | { name: 'projects' }
  | { name: 'sign-in' }
  | { name: 'sign-up' }
  | { name: 'project'; projectId: string; taskId: string | null }
  | { name: 'unknown' }

export function parseRoute(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '')
  const [first, second, third, fourth] = parts
  if (parts.length === 0) return { name: 'projects' }
  if (parts.length === 1 && (first === 'sign-in' || first === 'sign-up')) return { name: first }
  if (first !== 'projects' || second === undefined) return { name: 'unknown' }
  if (parts.length === 2) return { name: 'project', projectId: second, taskId: null }
  if (parts.length === 4 && third === 'tasks' && fourth !== undefined) {
    return { name: 'project', projectId: second, taskId: fourth }
  }
  return { name: 'unknown' }
}

export const projectPath = (projectId: string) => `/projects/${projectId}`
export const taskPath = (projectId: string, taskId: string) => `/projects/${projectId}/tasks/${taskId}`

/** Where to go after signing in; only ever a path of this app. */
export function returnPath(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/'
  const leads = next.startsWith('/') && !next.startsWith('//') && !next.includes('\\')
  return leads && parseRoute(next.split(/[?#]/)[0] ?? '/').name !== 'unknown' ? next : '/'
}
