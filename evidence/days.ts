/**
 * Days, as waivers have them: `YYYY-MM-DD` in UTC.
 *
 * They are compared as text, which puts them in order, so that nothing here asks a clock or a time zone: whoever calls
 * says which day it is.
 */

/** Days of a month of the proleptic Gregorian calendar; months count from 1. */
function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Whether the text is a day that exists. */
export function isDay(text: string): boolean {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
}
