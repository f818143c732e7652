// Files that the build takes in besides modules.
declare module '*.css' {}
declare module '*?raw' {
  const text: string
  export default text
}
