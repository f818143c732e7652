// Icons, 16 by 16, drawn in the colour of the text beside them. They say nothing by themselves: words stand beside each.

const shapes = {
  check: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5 8.2l2.1 2.1L11.2 6',
  cross: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5.7 5.7l4.6 4.6m0-4.6-4.6 4.6',
  warning: 'M8 1.8 14.8 14H1.2zM8 6.2v3.6m0 2.1v.1',
  clock: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 4.5V8l2.4 1.6',
  turn: 'M14 8a6 6 0 1 1-2-4.5M12.3.8v2.9H9.4',
  stop: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5.8 5.8h4.4v4.4H5.8z',
  ring: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11',
  info: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 7.2v4M8 4.8v.1',
  close: 'M3.5 3.5l9 9m0-9-9 9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 2.5h-8v8',
  menu: 'M2 4h12M2 8h12M2 12h12',
  home: 'M2 7.5 8 2l6 5.5M3.7 6.5V14h8.6V6.5M6.5 14v-4h3v4',
  server: 'M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8h.1M5 11.2h.1',
  job: 'M3 2.5h10v11H3zM5.5 5.5h5M5.5 8h5M5.5 10.5h3',
  run: 'M4 2.5 13 8l-9 5.5z',
  image: 'M8 1.7 14 5v6l-6 3.3L2 11V5zM2.2 5.1 8 8.3l5.8-3.2M8 8.3v5.8',
  plug: 'M5.5 1.5v4m5-4v4M3.5 5.5h9V8a4.5 4.5 0 0 1-9 0zM8 12.5v2',
  gear: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M8 1.5v2m0 9v2m6.5-6.5h-2m-9 0h-2m11.1-4.6-1.4 1.4M4.8 11.2l-1.4 1.4m9.2 0-1.4-1.4M4.8 4.8 3.4 3.4',
  help: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M6 6.2A2 2 0 1 1 8 8.4v.9m0 2.2v.1',
  list: 'M2 4h.1M5 4h9M2 8h.1M5 8h9M2 12h.1M5 12h9',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  link: 'M6 3H3v10h10v-3M9 2.5h4.5V7m0-4.5L7.5 8.5',
  theme: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  user: 'M8 2a3 3 0 1 0 0 6 3 3 0 0 0 0-6M2.5 14c.6-3 2.800-4 5.500-4s4.900 1 5.500 4',
} as const

export type IconName = keyof typeof shapes

export function Icon({ name, class: extra = '' }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  )
}
