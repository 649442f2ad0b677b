export * from './errors.ts'
export * from './frame.ts'
export * from './json.ts'
export * from './methods.ts'
