const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

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

export function isOverdue(dueOn: string, now = new Date()): boolean {
  return dueOn < dayIn(0, now)
}

/** The day so many days from now, as a due date is written: `2026-01-31`. */
export function dayIn(days: number, now = new Date()): string {
  const value = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days)
  return [value.getFullYear(), value.getMonth() + 1, value.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}
