/** Names of subjects that differ in no more than this are one: a form of Unicode, and space around it. */
export const subjectName = (text: string): string => text.normalize('NFC').trim()
