// Package app is the inside of the lapwing command: configuration, the wiring
// of the five roles, their life cycle, and what each subcommand does. Nothing
// below it knows that there is a command line, a configuration file or a
// terminal.
package app
