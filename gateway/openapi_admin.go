package gateway

// adminPaths adds what only a gateway on loopback serves.
func adminPaths(paths object) {
	aggregateOf := []any{streamParameter(), idParameter()}
	paths["/v1/streams"] = object{"get": listStreamsOperation("listStreams", "List the streams of all names")}
	paths["/v1/streams/{stream}"] = object{
		"parameters": []any{streamParameter()},
		"get":        listStreamsOperation("listStreamsOf", "List the streams of one name"),
	}
	paths["/v1/streams/{stream}/{id}"] = object{"parameters": aggregateOf, "delete": operation("deleteStream", "Delete or erase a stream", []any{
		queryParameter("hard", "Erase what it holds, and refuse the id for ever.", object{"type": "boolean"}),
		queryParameter("confirm", "Needed with hard: the id once more.", object{"type": "string"}),
		object{"$ref": "#/components/parameters/IdempotencyKey"}, object{"$ref": "#/components/parameters/IfMatch"},
	}, okAnswer("It is deleted.", ref("Result")))}
	paths["/v1/streams/{stream}/{id}/events"] = object{"parameters": aggregateOf, "get": operation("readStream", "Read events of a stream; one that never had any is not found", []any{
		queryParameter("from", "The version of the first event.", object{"type": "integer", "minimum": 0}),
		queryParameter("limit", "How many events at most.", object{"type": "integer", "minimum": 1, "maximum": maxEvents, "default": defaultEvents}),
	}, okAnswer("The events, in the order of their versions.", ref("Events")))}
	paths["/v1/streams/{stream}/{id}/state"] = object{"parameters": aggregateOf, "get": operation("getState", "Read the state of an aggregate", []any{
		queryParameter("version", "The version to read the state at; the newest unless said.", object{"type": "integer", "minimum": 0}),
	}, okAnswer("The state.", ref("State")))}
	paths["/v1/actors/{stream}/{id}/unload"] = object{"parameters": aggregateOf, "post": operation("unloadActor", "Drop an aggregate from memory", nil,
		okAnswer("Whether it was there.", object{"type": "object", "required": []string{"unloaded"}, "properties": object{"unloaded": object{"type": "boolean"}}}))}
	paths["/v1/ring"] = object{"get": operation("getRing", "Read the ring", nil, okAnswer("The ring.", ref("Ring")))}
	paths["/v1/owner/{stream}/{id}"] = object{"parameters": aggregateOf, "get": operation("getOwner", "Explain who owns an aggregate", nil,
		okAnswer("The owner of its slot.", ref("Owner")))}
}

func listStreamsOperation(id, summary string) object {
	return operation(id, summary, []any{
		queryParameter("prefix", "What the ids begin with. Needs one name.", object{"type": "string"}),
		queryParameter("page_size", "How many streams at most.", object{"type": "integer", "minimum": 1, "maximum": maxEvents}),
		queryParameter("page_token", "The next_page_token of the page before.", object{"type": "string"}),
	}, okAnswer("A page of streams.", ref("Streams")))
}

func queryParameter(name, description string, schema object) object {
	return object{"name": name, "in": "query", "description": description, "schema": schema}
}

func streamParameter() object {
	return pathParameter("stream", "The stream's name.", object{"type": "string", "pattern": `^[a-z][a-z0-9_]*$`})
}

func idParameter() object {
	return pathParameter("id", "The aggregate's id, percent-encoded.", object{"type": "string", "minLength": 1})
}
