// The addresses of this app. The server answers the page for exactly these and for no other.

/** The pages before somebody is signed in. */
const ENTRANCES = ['sign-in', 'sign-up', 'forgot-password'] as const
export type Entrance = (typeof ENTRANCES)[number]

/** The pages that the links of emails open. */
const LINKED = ['reset-password', 'verify-email', 'confirm-address', 'undo-address'] as const
export type Linked = (typeof LINKED)[number]

/** The pages of an account after its first. */
const SECTIONS = ['devices', 'security', 'tokens', 'history'] as const
export type Section = 'profile' | (typeof SECTIONS)[number]

export type Route =
  | { name: 'projects' }
  | { name: Entrance }
  | { name: 'linked'; page: Linked }
  | { name: 'account'; section: Section }
  | { name: 'project'; projectId: string; taskId: string | null }
  | { name: 'unknown' }

export function parseRoute(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '')
  const [first, second, third, fourth] = parts
  if (parts.length === 0) return { name: 'projects' }
  const entrance = ENTRANCES.find((name) => name === first)
  if (parts.length === 1 && entrance) return { name: entrance }
  const linked = LINKED.find((name) => name === first)
  if (parts.length === 1 && linked) return { name: 'linked', page: linked }
  if (first === 'account') return parseSection(parts.slice(1))
  if (first !== 'projects' || second === undefined) return { name: 'unknown' }
  if (parts.length === 2) return { name: 'project', projectId: second, taskId: null }
  if (parts.length === 4 && third === 'tasks' && fourth !== undefined) {
    return { name: 'project', projectId: second, taskId: fourth }
  }
  return { name: 'unknown' }
}

function parseSection(parts: string[]): Route {
  if (parts.length === 0) return { name: 'account', section: 'profile' }
  const section = SECTIONS.find((name) => name === parts[0])
  return parts.length === 1 && section ? { name: 'account', section } : { name: 'unknown' }
}

/** Pages that need nobody signed in. */
export function isPublic(route: Route): boolean {
  return route.name === 'unknown' || route.name === 'linked' || ENTRANCES.some((name) => name === route.name)
}

export const accountPath = (section: Section) => (section === 'profile' ? '/account' : `/account/${section}`)
export const projectPath = (projectId: string) => `/projects/${projectId}`
export const taskPath = (projectId: string, taskId: string) => `/projects/${projectId}/tasks/${taskId}`

/** Where to go after signing in; only ever a path of this app. */
export function returnPath(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/'
  const leads = next.startsWith('/') && !next.startsWith('//') && !next.includes('\\')
  return leads && parseRoute(next.split(/[?#]/)[0] ?? '/').name !== 'unknown' ? next : '/'
}
