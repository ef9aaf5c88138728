const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** `2026-01-31` as it is written here; a due date is a day, not a moment in some time zone. */
export function formatDay(text: string, now = new Date()): string {
  const [year, month, date] = text.split('-').map(Number)
  if (year === undefined || month === undefined || date === undefined) return text
  const value = new Date(year, month - 1, date)
  if (Number.isNaN(value.getTime())) return text
  return (year === now.getFullYear() ? day : dayOfYear).format(value)
}

export function formatMoment(text: string): string {
  const value = new Date(text)
  return Number.isNaN(value.getTime()) ? text : moment.format(value)
}

export function formatTime(text: string): string {
  const value = new Date(text)
  return Number.isNaN(value.getTime()) ? text : time.format(value)
}

const SPANS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** `5 minutes ago`, or the moment itself once it is more than a week ago. */
export function formatAgo(text: string, now = new Date()): string {
  const seconds = (new Date(text).getTime() - now.getTime()) / 1_000
  if (!Number.isFinite(seconds) || seconds < -7 * 86_400) return formatMoment(text)
  const span = SPANS.find(([, size]) => -seconds >= size)
  return span ? relative.format(Math.ceil(seconds / span[1]), span[0]) : relative.format(0, 'second')
}

export function isOverdue(dueOn: string, now = new Date()): boolean {
  return dueOn < dayIn(0, now)
}

/** The day so many days from now, as a due date is written: `2026-01-31`. */
export function dayIn(days: number, now = new Date()): string {
  return dateOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() + days))
}

/** The day of a moment, here: `2026-01-31`. */
export function dateOf(value: Date): string {
  return [value.getFullYear(), value.getMonth() + 1, value.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}

/** The moment a day begins here, or that of a later one. */
export function startOfDay(date: string, daysLater = 0): string | null {
  const [year, month, day] = date.split('-').map(Number)
  if (year === undefined || month === undefined || day === undefined) return null
  const value = new Date(year, month - 1, day + daysLater)
  return Number.isNaN(value.getTime()) ? null : value.toISOString()
}
