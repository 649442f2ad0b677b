export * from './server/index.ts'
export * from './wire/index.ts'
