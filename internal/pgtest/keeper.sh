# Keeps one server: makes a folder for it, starts and kills it as it is told on standard input, and ends it and removes the
# folder when that input ends, which it does with the process that holds its other end, however that one dies.
#
#   sh -c "$(cat keeper.sh)" keeper PARENT SIGNAL
#
# The folder is made in PARENT; SIGNAL ends the server at the end.
#
# Says "dir PATH" first. Each command is one line, and is answered by one:
#   do COMMAND       runs a shell command in the folder; "done STATUS"
#   start COMMAND    starts the server; "pid PID", and "gone" once it and all its children have ended
#   kill SIGNAL      sends the server a signal and waits for it and its children; answered by that "gone"
trap '' PIPE
dir=$(mktemp -d "${1%/}/ringhold-pg-XXXXXX") || exit 1
cd "$dir" || exit 1
mkfifo alive || exit 1
exec 4>&2 2>>log # what the shell has to say of its children; 4 stays open to the end
echo "dir $dir"

pid=
end() {
	if [ -n "$pid" ]; then
		kill -s "$1" "$pid" 2>/dev/null
		wait "$pid" "$gone"
		pid=
	fi
}

while read -r word rest; do
	case $word in
	do)
		(eval "$rest") >&2 </dev/null
		echo "done $?"
		;;
	start)
		# Every process of the server inherits the writing end of this pipe; the reader sees its end with the last of them.
		{
			cat <alive >/dev/null
			echo gone
		} &
		gone=$!
		(eval "exec $rest") >&2 </dev/null 3>alive 4>&- &
		pid=$!
		echo "pid $pid"
		;;
	kill) end "$rest" ;;
	esac
done

end "$2"
# A postmaster that was killed leaves its segment of shared memory behind; its id is in the seventh line.
segment=$(sed -n '7s/.* //p' data/postmaster.pid 2>/dev/null)
if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
cd / && rm -rf "$dir"
